"""Questions as the switch asks them."""

from controlplane.answers.question import Question


def user(name: str, domain: str = "example.com", *, key: str = "id", action: str = "sip_auth") -> Question:
    return Question(
        "fs1", "directory", "domain", "name", domain, action=action, key=key, user=name, domain=domain
    )  # fmt: skip


def domain(name: str = "example.com", *, purpose: str = "", group: str = "") -> Question:
    return Question("fs1", "directory", "domain", "name", name, purpose=purpose, group=group)


def every_domain(purpose: str = "gateways") -> Question:
    return Question("fs1", "directory", purpose=purpose)


def configuration(name: str, profile: str = "", gateway: str = "") -> Question:
    return Question(
        "fs1", "configuration", "configuration", "name", name, profile=profile, gateway=gateway
    )  # fmt: skip


def context(name: str) -> Question:
    return Question("fs1", "dialplan", context=name)
