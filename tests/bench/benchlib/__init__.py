# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench is made of. main.py is where to start reading."""
