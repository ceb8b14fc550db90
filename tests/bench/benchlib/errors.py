# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package."""


class BenchError(Exception):
    """A row cannot be measured; the text says why. Other rows go on."""
