"""The section `github` of the configuration, and what its token must be allowed."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field

from factory_core.settings import VendorSettings

SCOPES = ("repo",)  # of a classic token; the other kinds have permissions, and GitHub names only a missing one


def _git_url(known: dict[str, Any]) -> str:
    """The site that a REST root belongs to: on Enterprise Server above `/api/v3`, on GHE.com without `api.`.

    https://docs.github.com/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
    """
    url = known.get("url", "")
    found = re.fullmatch(r"(?P<server>https?://.+)/api/v3/?|https://api\.(?P<tenant>[a-z0-9-]+\.ghe\.com)/?", url, re.I)
    if found is None:
        return "https://github.com"
    return found["server"] or f"https://{found['tenant']}"


class GithubSettings(VendorSettings):
    title: ClassVar[str] = "GitHub"
    site: ClassVar[str] = "github.com"

    url: str = "https://api.github.com"  # the REST root: https://HOST/api/v3 on Enterprise Server
    git_url: str = Field(default_factory=_git_url)  # if it is not the site of url
    app_id: str = ""
    hook_id: str = ""  # one repository's webhook: its failed deliveries are asked for again

    def addresses(self) -> tuple[str, ...]:
        return (self.url, self.git_url)

    def git_site(self) -> str:
        return self.git_url
