# SPDX-License-Identifier: BSD-3-Clause
"""What an app developer who has read docs/PROTOCOL.md writes, and a test can drive."""
