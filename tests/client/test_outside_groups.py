# SPDX-License-Identifier: Apache-2.0
"""The commands with groups of an outside group service: under the authority that vchmod writes, it decides."""

from client_env import ClientTest, main
from gms_service import GmsService
from quartet_test import wait_until

AUTHORITY = "ivo://cadc.nrc.ca/gms"


class OutsideGroups(ClientTest):
    @classmethod
    def setUpClass(cls):
        cls.service = GmsService.start()
        cls.addClassCleanup(cls.service.close)
        cls.settings = cls.service.settings(gms_authorities=AUTHORITY, gms_life="1s", gms_negative_life="1s")
        super().setUpClass()

    def put_shared(self):
        """A file whose way is open to members of `crew`."""
        self.put("f", b"for the crew")
        for place in ("f", ""):
            self.alice("vchmod", "g+r", self.vos(place), "crew")
        self.alice("vchmod", "g+r", "vos:alice", "crew")

    def test_27p_members_are_those_the_service_names(self):
        self.service.members["crew"] = {"carol"}
        self.put_shared()
        self.assertIn("crew", self.alice("vls", "-l", self.vos()))
        self.assertEqual(self.carol.cat(self.vos("f")), "for the crew")
        self.assertIn("PermissionDenied", self.bob.fails("vcat", self.vos("f")))
        self.service.members["crew"] = {"bob"}

        def they_have_changed():
            return self.bob.run("vcat", self.vos("f")).status == 0
        wait_until(they_have_changed)
        self.carol.fails("vcat", self.vos("f"))

    def test_27q_without_the_service_the_owner_goes_on(self):
        self.put_shared()
        self.service.down()
        self.addCleanup(self.service.up)
        self.assertEqual(self.alice.cat(self.vos("f")), "for the crew")
        self.alice("vcp", self.alice.write("local", b"new"), self.vos("g"))
        self.assertIn("g", self.alice("vls", self.vos()))

    def test_27r_our_own_groups_have_their_own_name(self):
        command = ("--cert", self.alice.path(".ssl/cadcproxy.pem"), "--host", self.bed.env["QUARTET_HOST"])
        # The registry sends the client to the other service, which knows nothing of lists.
        self.alice.fails("cadc-groups", "list", *command)
        text = self.bed.ask("GET", "/gms/search", "alice").text
        self.assertIn("staff", text.split())


main()
