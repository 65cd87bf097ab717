# SPDX-License-Identifier: BSD-3-Clause
"""JSON Web Tokens for the login tests, right ones and wrong ones. The signatures are made here, not
by a JWT library, because such a library refuses to make most of the wrong ones."""
import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(obj):
    return b64(json.dumps(obj, separators=(",", ":")).encode())


def token(key, alg, claims, header=None):
    """key: bytes for HS256, a private key object for RS256 and ES256, None for alg none."""
    signed = _part(header or {"alg": alg, "typ": "JWT"}) + "." + _part(claims)
    data = signed.encode()
    if alg == "HS256":
        signature = hmac.new(key, data, hashlib.sha256).digest()
    elif alg == "RS256":
        signature = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    elif alg == "ES256":
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = b""
    return signed + "." + b64(signature)


def signed(secret, header, claims):
    """HS256 over any texts."""
    data = b64(header.encode()) + "." + b64(claims.encode())
    return data + "." + b64(hmac.new(secret, data.encode(), hashlib.sha256).digest())


def claims(uid, ttl_s=3600, **more):
    now = int(time.time())
    return {"sub": uid, "iat": now, "exp": now + ttl_s, **more}


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)
