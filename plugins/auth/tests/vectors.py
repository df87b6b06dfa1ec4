"""Makes the tokens of `cases.toml` by another library than ours.

    pip install pyjwt cryptography
    python tests/vectors.py >> cases.toml

Run it again only to replace what is below `# Tokens` there: keys are drawn anew.
"""

import jwt
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLAIMS = {"iss": "https://issuer.example.com", "aud": "shop", "sub": "ann", "exp": 4102444800}
KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
}
ALGORITHMS = [
    ("RS256", "rsa"), ("RS384", "rsa"), ("RS512", "rsa"), ("PS256", "rsa"), ("PS384", "rsa"),
    ("PS512", "rsa"), ("ES256", "p256"), ("ES384", "p384"), ("EdDSA", "ed"),
]


def pem(key):
    form_of = (form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form_of).decode()


def case(name, token, status):
    decision = "edit" if status == 200 else "respond"
    print("\n[[case]]")
    print(f'name = "{name}"')
    print(f'request = {{ target = "/token", headers = {{ authorization = "Bearer {token}" }} }}')
    upstream = '{ headers = { x-auth-user = "ann" } }' if status == 200 else "false"
    print(f'expect = {{ decision = "{decision}", status = {status}, upstream = {upstream} }}')


print("# Tokens, made by tests/vectors.py with PyJWT.")
print("\n[[plugin.config.methods]]")
print("[plugin.config.methods.jwt]")
print('header = "authorization"\nissuer = ["https://issuer.example.com"]\naudience = ["shop"]')
print("algorithms = [" + ", ".join(f'"{name}"' for name, _ in ALGORITHMS) + "]")
print("[plugin.config.methods.jwt.public_keys]")
for name, key in KEYS.items():
    print(f"{name} = '''\n{pem(key)}'''")

for algorithm, name in ALGORITHMS:
    token = jwt.encode(CLAIMS, KEYS[name], algorithm, {"kid": name})
    case(f"takes {algorithm}", token, 200)
    start, end = token.rsplit(".", 1)
    forged = start + "." + ("A" if end[0] != "A" else "B") + end[1:]
    case(f"refuses {algorithm} with another signature", forged, 401)

other = rsa.generate_private_key(65537, 2048)
small = rsa.generate_private_key(65537, 1024)
case("refuses a key that is not configured", jwt.encode(CLAIMS, other, "RS256", {"kid": "rsa"}), 401)
case("refuses another key's name", jwt.encode(CLAIMS, KEYS["p256"], "ES256", {"kid": "p384"}), 401)
case("refuses a small key", jwt.encode(CLAIMS, small, "RS256", {"kid": "rsa"}), 401)
case("refuses a token that has expired", jwt.encode({**CLAIMS, "exp": 1}, KEYS["p256"], "ES256", {"kid": "p256"}), 401)
case("refuses an unsigned token", jwt.encode(CLAIMS, None, "none", {"kid": "rsa"}), 401)
# The classic confusion: the public key as the secret of an HMAC. PyJWT refuses to make it.
import base64, hashlib, hmac, json
part = lambda data: base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")
message = part({"alg": "HS256", "kid": "rsa"}) + b"." + part(CLAIMS)
mac = hmac.new(pem(KEYS["rsa"]).encode(), message, hashlib.sha256).digest()
confused = message + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
case("refuses an HMAC by a public key", confused.decode(), 401)
