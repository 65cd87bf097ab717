# SPDX-License-Identifier: BSD-3-Clause
"""Argon2id PHC strings for test users, by libargon2 itself (the library the product links)."""
import ctypes
import functools

_lib = ctypes.CDLL("libargon2.so.1")
_lib.argon2id_hash_encoded.argtypes = [
    ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t,
    ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


@functools.lru_cache(maxsize=None)
def hash_password(password, memory_kib=64, passes=1, salt=b"mosquitto-im-e2e"):
    """Cheap on purpose: the suite logs in hundreds of times, and most tests are not about it."""
    out = ctypes.create_string_buffer(256)
    secret = password.encode()
    rc = _lib.argon2id_hash_encoded(passes, memory_kib, 1, secret, len(secret), salt, len(salt),
                                    32, out, len(out))
    if rc:
        raise RuntimeError(f"argon2id: {rc}")
    return out.value.decode()
