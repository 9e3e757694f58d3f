"""What every REST call of the project shares: sessions, and errors that say what to do."""

import requests

from client.errors import ServiceError

LOOPBACK = ("http://127.", "http://localhost:", "http://[::1]:")


def session(url: str) -> requests.Session:
    made = requests.Session()
    # No proxy of the environment leads to this machine.
    made.trust_env = not url.startswith(LOOPBACK)
    return made


def refusal(response: requests.Response) -> ServiceError:
    """The error that an answer tells of."""
    try:
        body = response.json()
        return ServiceError(body["type"], body["message"])
    except (requests.JSONDecodeError, KeyError, TypeError):
        return ServiceError("unexpected", f"{response.url} answered {response.status_code}")


def cause(error: BaseException) -> str:
    """The innermost reason, without requests' and urllib3's wrapping."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
