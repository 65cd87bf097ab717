# SPDX-License-Identifier: BSD-3-Clause
"""The harness of the end-to-end tests: a node (broker + bridge), clients, and what they need."""
