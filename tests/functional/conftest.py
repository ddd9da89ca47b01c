# SPDX-License-Identifier: Apache-2.0
"""Marks of the functional tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; only make check-full runs it")
