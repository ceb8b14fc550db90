# SPDX-License-Identifier: Apache-2.0
"""The exceptions of this package."""


class BenchError(Exception):
    """A row cannot be measured; the text says why. Other rows go on."""


class Skipped(Exception):
    """What a row is measured with is not there; the text says what and how to get it."""
