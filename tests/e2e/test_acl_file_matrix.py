# SPDX-License-Identifier: BSD-3-Clause
"""The whole matrix of test_acl_matrix.py once more, with an acl_file whose rules claim IM's topics:
they open nothing of it and close nothing of it.
"""
from test_acl_matrix import *  # noqa: F401,F403 pylint: disable=wildcard-import,unused-wildcard-import

RULES = """\
role user
topic readwrite im/#
topic readwrite $im/#
topic readwrite $CONTROL/im/#
topic readwrite im/inbox/+/#
topic deny im/room/#
pattern readwrite im/inbox/%c/#
user admin
topic deny $CONTROL/im/v1
topic deny im/#
"""
NODE = {"options": {"allow_topic": ["telemetry/%u/#", "public/#"], "rate_messages": 0,
                    "acl_file": "{folder}/acl"}, "files": {"acl": RULES}}
