# SPDX-License-Identifier: Apache-2.0
"""The web page in a real Chromium (Debian's), driven by Selenium (Debian's, too).

    from browser import BrowserTest, main

    class Folders(BrowserTest):
        def test_a_new_folder(self):
            page = self.sign_in("alice")
            page.click("New folder")
            ...

Elements are found as a person finds them: by their words, labels and roles. Without Chromium the
file is skipped, never passed.
"""

import json
import os
import shutil
import sys
import tempfile
import urllib.parse

import quartet_test
from quartet_test import SKIPPED, Testbed, unittest, wait_until

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys  # noqa: F401  # for the tests
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
LIMIT_S = 90
SHOTS = os.environ.get("QUARTET_SCREENSHOTS")  # a folder: pictures of every page go there


def words_of(language="en"):
    """The table of words.js: what the page says for a key."""
    path = os.path.join(quartet_test.TOP, "service", "ui", "words.js")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    start = text.index("{", text.index("const words"))
    table = text[start:text.index("\n};", start) + 2]
    # Keys and values are JSON but for the last comma.
    table = table[:table.rindex(",")] + "\n}"
    column = ["en", "fr"].index(language)
    return {key: both[column] for key, both in json.loads(table).items()}


class Page:
    """A browser at the instance's page; the words are those of one language."""

    def __init__(self, bed, language="en", size=(1200, 800), dark=False, folder=None):
        self.bed = bed
        self.words = words_of(language)
        self.folder = folder or tempfile.mkdtemp(prefix="quartet-browser-")
        self.downloads = os.path.join(self.folder, "downloads")
        os.makedirs(self.downloads, exist_ok=True)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--lang={language}",
                     f"--window-size={size[0]},{size[1]}", "--no-first-run", "--disable-background-networking",
                     f"--user-data-dir={os.path.join(self.folder, 'profile')}", "--disable-component-update",
                     *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else [])):
            options.add_argument(word)
        options.add_experimental_option("prefs", {
            "download.default_directory": self.downloads, "download.prompt_for_download": False,
            "profile.default_content_setting_values.automatic_downloads": 1, "intl.accept_languages": language})
        options.set_capability("acceptInsecureCerts", True)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_page_load_timeout(LIMIT_S)
        self.driver.set_script_timeout(LIMIT_S)
        self.base = f"https://{bed.host}:{bed.port}"

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Going

    def go(self, path="/"):
        self.driver.get(self.base + path)
        self.settled()

    def settled(self):
        """The page has drawn something for its address."""
        wait_until(lambda: self.js("return document.querySelector('main').childElementCount > 0 "
                                   "&& document.readyState === 'complete'"), LIMIT_S)

    @property
    def path(self):
        return urllib.parse.urlsplit(self.driver.current_url).path

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    # Finding

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css, limit_s=LIMIT_S):
        wait_until(lambda: self.all(css), limit_s)
        return self.all(css)[0]

    def text(self, css="body"):
        wait_until(lambda: self.all(css), LIMIT_S)
        return self.js("return document.querySelector(arguments[0]).innerText", css)

    def sees(self, text, limit_s=LIMIT_S):
        """Wait for these words."""
        try:
            wait_until(lambda: text in self.text(), limit_s)
        except AssertionError:
            raise AssertionError(f"never saw {text!r} in: {self.text()[:1500]}") from None

    def press(self, *keys):
        """Keys to whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, modifier, key):
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def button(self, key, within=""):
        """The button (or link that looks like one) with the words of this key."""
        label = self.words.get(key, key)
        path = (f"{within}//button[normalize-space()={label!r} or @aria-label={label!r}] | "
                f"{within}//a[normalize-space()={label!r}] | {within}//input[@aria-label={label!r}]")

        def found():
            return [e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed()]
        wait_until(lambda: _alive(found), LIMIT_S)
        return found()[-1]

    def click(self, key, within=""):
        for _ in range(5):  # a list may be drawn anew between finding and clicking
            try:
                self.button(key, within).click()
                return
            except (StaleElementReferenceException, WebDriverException):
                continue
        self.button(key, within).click()

    def fill(self, name, value):
        """The field with this id or name."""
        field = self.one(f"#{name}, [name='{name}']")
        field.clear()
        field.send_keys(value)
        return field

    def dialog(self):
        return self.one("dialog[open]")

    def in_dialog(self, key):
        self.click(key, "//dialog[@open]")

    def no_dialog(self):
        wait_until(lambda: not self.all("dialog[open]"), LIMIT_S)

    # A folder

    def rows(self):
        return self.js("return [...document.querySelectorAll('tr.item')].map(r => r.cells[1].innerText.replace(/^\\W+/u, '').trim())")

    # Rows are drawn anew whenever more is known of a folder: each of these finds its row and
    # uses it in one script, and no element outlives a call.

    def at_row(self, name, use=""):
        """When there is a row of that name, `use` it (`r`)."""
        wait_until(lambda: self.js(
            "const r = [...document.querySelectorAll('tr.item')].find(r => r.cells[1].title === arguments[0]);"
            f"if (!r) return false; {use}; return true", name), LIMIT_S)

    def row(self, name):
        self.at_row(name)

    def no_row(self, name):
        wait_until(lambda: not self.js("return [...document.querySelectorAll('tr.item')].some(r => r.cells[1].title === arguments[0])", name), LIMIT_S)

    def follow(self, name):
        """Click on the name: into the folder, or for the file."""
        self.at_row(name, "r.querySelector('a').click()")

    def focus(self, name):
        self.at_row(name, "r.focus()")

    def pick(self, *names):
        for name in names:
            self.at_row(name, "r.cells[0].querySelector('input').click()")

    def upload(self, *paths, folder=False):
        self.one("#pick-folder" if folder else "#pick-files").send_keys("\n".join(paths))

    def downloaded(self, name):
        path = os.path.join(self.downloads, name)
        wait_until(lambda: os.path.exists(path), LIMIT_S)
        with open(path, "rb") as f:
            return f.read()

    # Judging

    def complaints(self):
        """What the console says: refused scripts, unhandled failures."""
        return [entry for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]

    def shot(self, name):
        if SHOTS:
            os.makedirs(SHOTS, exist_ok=True)
            self.driver.save_screenshot(os.path.join(SHOTS, name + ".png"))


def _alive(find):
    try:
        return bool(find())
    except StaleElementReferenceException:
        return False


class BrowserTest(unittest.TestCase):
    """One testbed and, for each test, fresh browsers."""

    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)

    def page(self, **how):
        page = Page(self.bed, **how)
        self.addCleanup(page.close)
        self.addCleanup(lambda: self.assertEqual(page.complaints(), []))
        return page

    def password(self, name):
        return self.bed.env[f"QUARTET_PASS_{name.upper()}"]

    def sign_in(self, name, where="/", page=None, **how):
        page = page or self.page(**how)
        page.go("/page/signin?next=" + urllib.parse.quote(where))
        page.fill("username", name)
        page.fill("password", self.password(name))
        page.click("signin", "//main")
        wait_until(lambda: page.path != "/page/signin", LIMIT_S)
        page.settled()
        return page


def main():
    if webdriver is None or not os.path.exists(CHROMIUM) or not os.path.exists(DRIVER):
        print("skipped: Chromium and Selenium are not installed (scripts/install-packages test)", file=sys.stderr)
        sys.exit(SKIPPED)
    quartet_test.main()
