"""Credentials of many kinds, made up at run time: no line of this file looks like one."""

import base64
import json
import random
import string
from collections.abc import Callable
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
WORD = ALNUM + "_-"
HEX = "0123456789abcdef"
B64 = ALNUM + "+/"
BECH = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Plant(NamedTuple):
    """A credential ``secret`` of one kind in the content of a file."""

    kind: str
    path: str
    data: bytes
    secret: str


Make = Callable[[random.Random], str]


def some(alphabet: str, length: int) -> Make:
    def make(rng: random.Random) -> str:
        return "".join(rng.choices(alphabet, k=length))

    return make


def join(*parts: str | Make) -> Make:
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


def uuid(rng: random.Random) -> str:
    return "-".join(some(HEX, length)(rng) for length in (8, 4, 4, 4, 12))


def jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head, body = {"alg": "HS256", "typ": "JWT"}, {"sub": rng.randrange(10**9), "name": some(ALNUM, 9)(rng)}
    return f"{part(head)}.{part(body)}.{some(WORD, 43)(rng)}"


def pem(kind: str) -> Make:
    def make(rng: random.Random) -> str:
        body = "\n".join(some(B64, 64)(rng) for _ in range(8))
        return f"-----{'BEGIN'} {kind}-----\n{body}\n-----{'END'} {kind}-----"

    return make


def password(rng: random.Random) -> str:
    words = rng.sample(["Tulip", "brick", "Ocean", "falcon", "Quartz", "ember", "Willow", "gravel"], 2)
    return f"{words[0]}{rng.choice('!%*+')}{words[1]}{rng.randrange(10, 9999)}"


# Tokens that say themselves what they are.
TOKENS: dict[str, Make] = {
    "aws-id": join("AK", "IA", some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    "aws-temporary": join("AS", "IA", some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    "google-api": join("AI", "za", some(WORD, 34), some(ALNUM, 1)),
    "google-oauth": join("GOC", "SPX-", some(WORD, 27), some(ALNUM, 1)),
    "google-access": join("ya", "29.", some(WORD, 120)),
    "azure-client": join(some(ALNUM, 3), "8Q", "~", some(ALNUM, 34)),
    "azure-devops": join(some(ALNUM, 76), "AZ", "DO", some(ALNUM, 4)),
    "digitalocean": join("do", "p_v1_", some(HEX, 64)),
    "heroku": join("HR", "KU-", some(ALNUM, 60)),
    "fly": join("fo", "1_", some(ALNUM, 43)),
    "netlify": join("nf", "p_", some(ALNUM, 36)),
    "supabase": join("sb", "p_", some(HEX, 40)),
    "planetscale": join("psc", "ale_tkn_", some(ALNUM, 43)),
    "databricks": join("da", "pi", some(HEX, 32)),
    "alibaba": join("LT", "AI", some(ALNUM, 20)),
    "github-classic": join("gh", "p_", some(ALNUM, 36)),
    "github-oauth": join("gh", "o_", some(ALNUM, 36)),
    "github-user": join("gh", "u_", some(ALNUM, 36)),
    "github-server": join("gh", "s_", some(ALNUM, 36)),
    "github-refresh": join("gh", "r_", some(ALNUM, 76)),
    "github-fine": join("git", "hub_pat_", some(ALNUM, 22), "_", some(ALNUM, 59)),
    "gitlab-personal": join("gl", "pat-", some(ALNUM, 20)),
    "gitlab-routable": join("gl", "pat-", some(ALNUM, 27), ".01.", some(LOWER, 9)),
    "gitlab-runner": join("gl", "rt-", some(ALNUM, 20)),
    "gitlab-deploy": join("gl", "dt-", some(ALNUM, 20)),
    "atlassian": join("ATA", "TT3", some(ALNUM, 180)),
    "npm": join("np", "m_", some(ALNUM, 36)),
    "pypi": join("py", "pi-AgEIcHlwaS5vcmc", some(WORD, 140), some(ALNUM, 1)),
    "rubygems": join("ruby", "gems_", some(HEX, 48)),
    "crates": join("ci", "o", some(ALNUM, 32)),
    "nuget": join("oy", "2", some(LOWER, 43)),
    "docker": join("dckr", "_pat_", some(ALNUM, 27)),
    "artifactory": join("AK", "Cp", some(ALNUM, 69)),
    "sonar": join("sq", "u_", some(HEX, 40)),
    "buildkite": join("bk", "ua_", some(HEX, 40)),
    "circleci": join("CCI", "PAT_", some(ALNUM, 22), "_", some(HEX, 40)),
    "anthropic": join("sk", "-ant-api03-", some(WORD, 93), "AA"),
    "anthropic-login": join("sk", "-ant-oat01-", some(WORD, 93), "AA"),
    "openai": join("sk", "-proj-", some(WORD, 73), "T3Blbk", "FJ", some(ALNUM, 74)),
    "openai-old": join("sk", "-", some(ALNUM, 20), "T3Blbk", "FJ", some(ALNUM, 20)),
    "openrouter": join("sk", "-or-v1-", some(HEX, 64)),
    "deepseek": join("sk", "-", some(HEX, 32)),
    "huggingface": join("h", "f_", some(string.ascii_letters, 34)),
    "groq": join("gs", "k_", some(ALNUM, 52)),
    "xai": join("xa", "i-", some(ALNUM, 80)),
    "replicate": join("r", "8_", some(ALNUM, 37)),
    "perplexity": join("pp", "lx-", some(ALNUM, 48)),
    "nvidia": join("nv", "api-", some(WORD, 63), some(ALNUM, 1)),
    "slack-bot": join("xo", "xb-", some("123456789", 12), "-", some("123456789", 12), "-", some(ALNUM, 24)),
    "slack-user": join("xo", "xp-", some("123456789", 12), "-", some("123456789", 12), "-", some(HEX, 32)),
    "slack-app": join("xa", "pp-1-A", some(UPPER, 10), "-", some("123456789", 13), "-", some(HEX, 64)),
    "slack-hook": join(
        "https://hooks.sl", "ack.com/services/T", some(UPPER, 9), "/B", some(UPPER, 10), "/", some(ALNUM, 24)
    ),
    "discord-hook": join("https://discord.com/api/web", "hooks/", some("123456789", 18), "/", some(ALNUM, 68)),
    "telegram": join(some("123456789", 9), ":A", "A", some(WORD, 32), some(ALNUM, 1)),
    "twilio": join("S", "K", some(HEX, 32)),
    "sendgrid": join("S", "G.", some(ALNUM, 22), ".", some(ALNUM, 43)),
    "mailgun": join("ke", "y-", some(HEX, 32)),
    "mailchimp": join(some(HEX, 32), "-u", "s12"),
    "brevo": join("xkey", "sib-", some(HEX, 64), "-", some(ALNUM, 16)),
    "ntfy": join("t", "k_", some(LOWER, 29)),
    "stripe-live": join("sk_", "live_", some(ALNUM, 24)),
    "stripe-restricted": join("rk_", "live_", some(ALNUM, 99)),
    "stripe-hook": join("wh", "sec_", some(ALNUM, 32)),
    "square": join("sq0", "atp-", some(ALNUM, 22)),
    "shopify": join("shp", "at_", some(HEX, 32)),
    "plaid": join("access-prod", "uction-", uuid),
    "vault": join("hv", "s.", some(ALNUM, 90)),
    "terraform": join(some(ALNUM, 14), ".atlas", "v1.", some(ALNUM, 66)),
    "doppler": join("dp", ".pt.", some(ALNUM, 43)),
    "pulumi": join("pu", "l-", some(HEX, 40)),
    "tailscale": join("ts", "key-auth-", some(ALNUM, 17), "-", some(ALNUM, 32)),
    "grafana": join("gl", "sa_", some(ALNUM, 32), "_", some(HEX, 8)),
    "newrelic": join("NR", "AK-", some(UPPER, 27)),
    "sentry": join("sn", "tryu_", some(HEX, 64)),
    "dynatrace": join("dt0", "c01.", some(UPPER, 24), ".", some(UPPER, 64)),
    "notion": join("nt", "n_", some(ALNUM, 46)),
    "linear": join("lin", "_api_", some(ALNUM, 40)),
    "airtable": join("pa", "t", some(ALNUM, 14), ".", some(HEX, 64)),
    "figma": join("fi", "gd_", some(WORD, 39), some(ALNUM, 1)),
    "postman": join("PM", "AK-", some(HEX, 24), "-", some(HEX, 34)),
    "hubspot": join("pat", "-na1-", uuid),
    "age": join("AGE-SECRET", "-KEY-1", some(BECH.upper(), 58)),
    "nostr": join("ns", "ec1", some(BECH, 58)),
    "adobe": join("p8", "e-", some(LOWER, 32)),
    "apify": join("apify", "_api_", some(ALNUM, 36)),
    "bitbucket-server": join("BB", "DC-", some(B64, 44)),
    "cloudflare-prefixed": join("cf", "ut_", some(ALNUM, 48)),
    "docker-swarm": join("SWM", "TKN-1-", some(LOWER, 50), "-", some(LOWER, 25)),
    "duffel": join("duffel", "_live_", some(WORD, 42), some(ALNUM, 1)),
    "maxmind": join(some(ALNUM, 6), "_", some(ALNUM, 29), "_m", "mk"),
    "mergify": join("mergify_app", "lication_key_", some(ALNUM, 44)),
    "onesignal": join("os_", "v2_app_", some("abcdefghijklmnopqrstuvwxyz234567", 103)),
    "openshift": join("sha", "256~", some(ALNUM, 43)),
    "runpod": join("rp", "a_", some(ALNUM, 41), some("123456789", 1)),
    "slack-cookie": join("xo", "xd-", some(ALNUM, 60)),
    "vercel-prefixed": join("vc", "p_", some(ALNUM, 56)),
    "xendit": join("xnd", "_production_", some(ALNUM, 48)),
    "akamai": join("ak", "ab-", some(LOWER, 16), "-", some(LOWER, 16)),
    "discord-form": join("MT", some(ALNUM, 24), ".", some(ALNUM, 6), ".", some(ALNUM, 38)),
    "e2b": join("e2", "b_", some(HEX, 40)),
    "elevenlabs": join("sk", "_", some(HEX, 48)),
    "ed25519-der": join("MC4CAQAwBQYDK2Vw", "BCIEI", some(ALNUM, 43)),
    "jetbrains": join("per", "m:", some(ALNUM, 12), ".", some(ALNUM, 8), ".", some(ALNUM, 30)),
    "mongodb-atlas": join("mdb_sa", "_sk_", some(WORD, 39), some(ALNUM, 1)),
    "tableau": join(some(ALNUM, 22), "==", ":", some(ALNUM, 32)),
    "x-bearer": join("A" * 22, some(ALNUM, 80)),
    "zoho": join("10", "00.", some(HEX, 32), ".", some(HEX, 32)),
    "jwt": jwt,
    "pem-rsa": pem("RSA PRIVATE " + "KEY"),
    "pem-openssh": pem("OPENSSH PRIVATE " + "KEY"),
    "pem-pkcs8": pem("PRIVATE " + "KEY"),
    "pgp": pem("PGP PRIVATE KEY " + "BLOCK"),
}

# What only its surroundings show: file, template (``@`` is the secret, ``\x01`` cuts a word), secret.
PLACED: dict[str, tuple[str, str, Make]] = {
    "aws-secret": (".aws/credentials", "[default]\naws_secret_access\x01_key = @\n", some(B64, 40)),
    "aws-session": ("x.env", "AWS_SESSION\x01_TOKEN=@\n", some(B64, 300)),
    "gcp-key-id": ("sa.json", '{"type": "service_account", "private_key\x01_id": "@"}', some(HEX, 40)),
    "azure-storage": ("a.env", "AZ=DefaultEndpointsProtocol=https;AccountName=x;Account\x01Key=@==;\n", some(B64, 86)),
    "azure-sas": ("url.txt", "https://x.blob.core.windows.net/c?sv=2024&se=2027&si\x01g=@%3D\n", some(ALNUM, 43)),
    "azure-bus": ("b.env", "Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccess\x01Key=@=\n", some(B64, 43)),
    "heroku-old": ("h.py", 'HEROKU_API\x01_KEY = "@"\n', uuid),
    "cloudflare": ("c.env", "CLOUDFLARE_API\x01_TOKEN=@\n", some(ALNUM, 40)),
    "linode": ("l.sh", "export LINODE\x01_TOKEN=@\n", some(HEX, 64)),
    "wandb": ("w.sh", "export WANDB_API\x01_KEY=@\n", some(HEX, 40)),
    "mistral": ("m.env", "MISTRAL_API\x01_KEY=@\n", some(ALNUM, 32)),
    "twilio-auth": ("t.py", 'twilio_auth\x01_token = "@"\n', some(HEX, 32)),
    "datadog": ("d.yaml", "datadog_api\x01_key: @\n", some(HEX, 32)),
    "discord-bot": (
        "d.env",
        "DISCORD\x01_TOKEN=@\n",
        join("M", some(ALNUM, 25), ".", some(ALNUM, 6), ".", some(ALNUM, 38)),
    ),
    "npmrc": (".npmrc", "//registry.test/:_auth\x01Token=@\n", some(LOWER, 32)),
    "docker-login": (".docker/config.json", '{"auths": {"r": {"au\x01th": "@"}}}', some(ALNUM, 40)),
    "postgres": ("db.py", 'URL = "postgres://app:\x01@@db.internal:5432/app"\n', password),
    "mysql": ("db.env", "DATABASE_URL=mysql+pymysql://root:\x01@@10.0.0.3/app\n", some(ALNUM, 14)),
    "mongodb": ("db.js", "connect('mongodb+srv://app:\x01@@cluster0.ab1.mongodb.net/x')\n", some(ALNUM, 16)),
    "redis": ("r.yml", "url: redis://:\x01@@cache:6379/0\n", some(ALNUM, 20)),
    "amqp": ("q.toml", 'broker = "amqp://svc:\x01@@mq:5672//"\n', some(ALNUM, 12)),
    "basic-auth": ("f.sh", "curl https://deploy:\x01@@artifacts.corp.io/x\n", some(ALNUM, 18)),
    "git-remote": (".git-credentials", "https://me:\x01@@git.corp.io\n", some(ALNUM, 24)),
    "kubeconfig": ("kube/config", "users:\n- user:\n    client-key\x01-data: @\n", some(B64, 400)),
    "kube-token": ("kube/config", "- name: ci\n  user:\n    tok\x01en: @\n", some(ALNUM, 60)),
    "netrc": (".netrc", "machine git.corp.io login me pass\x01word @\n", some(ALNUM, 16)),
    "pgpass": (".pgpass", "db:5432:app:me:\x01@\n", some(ALNUM, 14)),
    "htpasswd": (".htpasswd", "me:$ap\x01r1$@\n", join(some(ALNUM, 8), "$", some(ALNUM, 22))),
    "bearer": ("h.http", "GET /\nAuthorization: Bear\x01er @\n", some(ALNUM, 48)),
    "basic-header": ("h.json", '{"Authorization": "Bas\x01ic @"}', some(ALNUM, 36)),
    "curl-user": ("c.sh", "curl -s -u admin:\x01@ https://jenkins.corp.io\n", some(ALNUM, 15)),
    "ntfy-url": ("n.yml", "urls:\n  - ntfys://me:\x01@@push.corp.io/runs\n", some(ALNUM, 12)),
    "apprise-tgram": ("n.txt", "tgram://@/12345678\n", join(some("123456789", 9), ":", some(ALNUM, 35))),
    "apprise-discord": ("n.cfg", "urls = disc\x01ord://@\n", join(some("123456789", 18), "/", some(ALNUM, 68))),
    "apprise-mail": ("n.conf", "mail\x01tos://me:\x01@@mail.corp.io\n", some(ALNUM, 14)),
    "laravel": (".env", "APP_\x01KEY=base64:@=\n", some(B64, 43)),
    "django": ("settings.py", "SECRET\x01_KEY = 'django-insecure-@'\n", some(ALNUM + "!@#%^&*", 40)),
    "rails": ("config.yml", "production:\n  secret_key\x01_base: @\n", some(HEX, 128)),
    "maven": ("settings.xml", "<server><pass\x01word>@</password></server>\n", some(ALNUM, 14)),
    "odbc": ("app.config", 'conn="Server=db;Uid=sa;Pass\x01word=@;"\n', some(ALNUM, 14)),
    "sshpass": ("d.sh", "sshpass -p \x01@ ssh root@10.0.0.1\n", some(ALNUM, 14)),
    "wireguard": ("wg0.conf", "[Interface]\nPrivate\x01Key = @=\n", join(some(B64, 42), "A")),
    "jwk": ("k.json", '{"kty": "EC", "crv": "P-256", "x": "1", "d\x01": "@"}', some(WORD, 43)),
    "ethereum": ("e.env", "PRIVATE\x01_KEY=@\n", join("0x", some(HEX, 64))),
    "password-env": (".env", "DB_PASS\x01WORD=@\n", password),
    "password-yaml": ("values.yaml", "db:\n  pass\x01word: @\n", password),
    "password-py": ("conf.py", 'pass\x01word = "@"\n', password),
    "password-json": ("c.json", '{"pass\x01word": "@"}', password),
    "password-properties": ("app.properties", "spring.datasource.pass\x01word=@\n", password),
    "token-toml": ("c.toml", 'to\x01ken = "@"\n', some(ALNUM, 32)),
    "api-key-js": ("c.js", "const api\x01Key = '@';\n", some(ALNUM, 32)),
    "secret-go": ("c.go", 'clientSec\x01ret := "@"\n', some(ALNUM, 30)),
    "php-define": ("wp.php", "define('DB_PASS\x01WORD', '@');\n", password),
    "tfvars": ("prod.tfvars", 'db_pass\x01word = "@"\n', password),
    "ini": ("my.cnf", "[client]\npass\x01word=@\n", password),
}

_AROUND = (
    (".env", "TOKEN=@\n"),
    ("conf.py", 'CLIENT = connect("@")\n'),
    ("notes.md", "Use `@` for staging.\n"),
    ("run.sh", "export THING='@'\n"),
    ("ci.yml", "env:\n  THING: @\n"),
)


def plants(seed: int, rounds: int) -> list[Plant]:
    """``rounds`` credentials of every kind, a third of them as they stand in a session's history."""
    rng = random.Random(seed)
    made: list[Plant] = []
    for number in range(rounds):
        for kind, make in TOKENS.items():
            path, template = rng.choice(_AROUND)
            made.append(_plant(kind, path, template, make(rng), in_history=number % 3 == 2))
        for kind, (path, template, make) in PLACED.items():
            made.append(_plant(kind, path, template, make(rng), in_history=False))
    return made


def _plant(kind: str, path: str, template: str, secret: str, *, in_history: bool) -> Plant:
    # The last `@` of a template with an address is the host's: only the first is the secret.
    text = f"# settings\n\n{template.replace(chr(1), '').replace('@', secret, 1)}# end\n"
    if in_history:
        return Plant(kind, "journal.jsonl", (json.dumps({"kind": "tool", "text": text}) + "\n").encode(), secret)
    return Plant(kind, path, text.encode(), secret)
