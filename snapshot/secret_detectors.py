"""A second opinion on secrets: the detectors of detect-secrets, each used alone.

A detector object keeps no state, so the package's global settings, its filters and its network checks play no part.
Its expressions are not bounded: each is shown one line at a time, at most `_LONGEST` characters of it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from snapshot.secret_rules import Span, bits_per_character, common_stopwords, is_example

_BEFORE = 160
_LONGEST = 640
_SHORTEST = 12
"""A group of fewer characters is a part of the secret, not the secret."""
_LEAST_ENTROPY = 2.5

# module, class, and the words (lower case) without one of which it cannot find anything worth telling
_USED = (
    ("aws", "AWSKeyDetector", ("aws", "akia", "asia", "abia", "acca", "a3t")),
    ("azure_storage_key", "AzureStorageKeyDetector", ("accountkey=",)),
    ("cloudant", "CloudantDetector", ("cloudant",)),
    ("discord", "DiscordBotTokenDetector", ("discord",)),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("gitlab_token", "GitLabTokenDetector", ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "gr1348941", "glcbt-")),
    ("ibm_cloud_iam", "IbmCloudIamDetector", ("ibm", "bluemix", "cloud_iam")),
    ("ibm_cos_hmac", "IbmCosHmacDetector", ("cos_", "cos-", "secret_access_key", "hmac")),
    ("jwt", "JwtTokenDetector", ("eyj",)),
    ("mailchimp", "MailchimpDetector", ("-us",)),
    ("npm", "NpmDetector", (":_authtoken",)),
    ("openai", "OpenAIDetector", ("t3blbkfj",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-ag",)),
    ("sendgrid", "SendGridDetector", ("sg.",)),
    ("slack", "SlackDetector", ("xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-", "hooks.slack.com")),
    ("softlayer", "SoftlayerDetector", ("softlayer",)),
    ("square_oauth", "SquareOAuthDetector", ("sq0csp-",)),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", ("telegram",)),
    ("twilio", "TwilioKeyDetector", ("twilio",)),
)


class _Plugin(Protocol):
    secret_type: str
    denylist: Iterable[re.Pattern[str]]

    def analyze_string(self, string: str) -> Iterator[str]: ...


class Detector:
    """One detector and the words that call for it."""

    def __init__(self, name: str, plugin: _Plugin, keywords: tuple[str, ...]) -> None:
        self.rule = f"detect-secrets-{name.replace('_', '-')}"
        self.keywords = keywords
        self._plugin = plugin

    def find(self, text: str, places: list[int]) -> Iterator[Span]:
        """The secrets in the lines of ``text`` in which the words stand, at ``places`` in rising order."""
        done = 0
        for at in places:
            if at + _BEFORE < done:
                continue
            start = max(text.rfind("\n", max(0, at - _BEFORE), at) + 1, at - _BEFORE, 0)
            line_end = text.find("\n", at, start + _LONGEST)
            done = line_end if line_end >= 0 else min(len(text), start + _LONGEST)
            yield from self._look(text, start, done)

    def _look(self, text: str, start: int, end: int) -> Iterator[Span]:
        for pattern in self._plugin.denylist:
            for found in pattern.finditer(text, start, end):
                # Only the detector knows what else makes it one; but of a group it may tell no more than `ghp`.
                if not any(self._plugin.analyze_string(found[0])):
                    continue
                spans = [found.span(number) for number in range(pattern.groups + 1)]
                inner = max(spans[1:], key=lambda span: span[1] - span[0], default=spans[0])
                first, last = inner if inner[1] - inner[0] >= _SHORTEST else spans[0]
                value = text[first:last]
                if not is_example(value, common_stopwords()) and bits_per_character(value) >= _LEAST_ENTROPY:
                    yield Span(first, last, self.rule, self._plugin.secret_type)


@cache
def load_detectors() -> tuple[Detector, ...]:
    """All detectors that are used."""
    loaded: list[Detector] = []
    for module, name, keywords in _USED:
        made = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        loaded.append(Detector(module, cast(_Plugin, made), keywords))
    return tuple(loaded)
