# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: where the helper modules are, and the long tests."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "functional"))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; make check-full runs it")


def pytest_collection_modifyitems(items):
    if os.environ.get("VITRO_TEST_FULL"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="long: make check-full runs it"))
