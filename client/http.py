"""What every REST call of the project shares: sessions, and errors that say what to do.

A foreign answer, and what requests says of a failure, can hold a key or a proxy's password: only
what is known to hold none becomes part of a message.
"""

import io
import ipaddress
import os
import socket
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
import urllib3

from client.errors import ServiceError

LARGEST_ANSWER = 10_000_000  # bytes; a thousand classes take 150,000
LONGEST_MESSAGE = 500  # characters
LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says
PASSING = (429, 502, 503, 504)  # whoever answers asks to be asked again, or can't reach the service
# Of answers without a word of the service, such as a proxy's.
TYPES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    407: "forbidden",
    413: "body_too_large",
    429: "busy",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}
LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Redirects are not followed: the key is for one address."""


def session(url: str) -> requests.Session:
    made = _Session()
    # Else requests takes a password for the host from ~/.netrc, instead of the access key.
    made.auth = lambda request: request
    if _is_here(url):
        # No proxy of the environment leads to this machine.
        made.trust_env = False
        made.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    return made


def _is_here(url: str) -> bool:
    """Whether the address is one of this machine's, of loopback or a network."""
    host = urlsplit(url).hostname or ""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return host == "localhost"
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def check_address(url: str) -> None:
    """Raises ServiceError where nothing can be asked at `url`; a password in it is not repeated."""
    if "@" in url:
        raise ServiceError(
            "bad_address", "An address with a user name or a password can't be used: leave them out"
        )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError
    except ValueError:
        raise ServiceError("bad_address", "The address has no valid host or port") from None
    if "://" not in url:
        raise ServiceError("bad_address", f"{url} is not an address: write http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServiceError("bad_address", f"{url} is not an address: write http://HOST:PORT")
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ServiceError("bad_address", f"{url!r}: an address ends with its host and port")


def check_key(key: str) -> None:
    """Raises ServiceError where a header can't carry it."""
    if not all("!" <= letter <= "~" for letter in key):
        raise ServiceError(
            "bad_key",
            "The access key can't be sent: it has a space, a line break or a letter other than "
            "English ones. Copy it again",
        )


def read_whole(response: requests.Response, seconds: float) -> None:
    """Read the body of an answer that was asked for with stream=True, unless it has no end.

    Raises requests.RequestException.
    """
    deadline = time.monotonic() + seconds
    body = bytearray()
    try:
        while chunk := response.raw.read1(1 << 16, decode_content=True):
            body += chunk
            if time.monotonic() > deadline:
                raise requests.Timeout
            if len(body) > LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError from error
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if isinstance(error, requests.RequestException):
            raise
        raise requests.ConnectionError from error
    finally:
        response.close()
    response.raw = io.BytesIO(body)


def refusal(response: requests.Response, key: str | None) -> ServiceError:
    """The error that an answer tells of. key: who answers may repeat the one that was sent."""
    status = response.status_code
    address = response.url
    if response.is_redirect:
        return ServiceError("redirected", f"{address} redirects to {_origin(response)}. Ask there")
    type, message = TYPES.get(status, "unexpected"), f"{address} answered {status}"
    try:
        body = response.json()
        if isinstance(body["type"], str) and isinstance(body["message"], str):
            said = [body["type"], body["message"]]
            type, message = (
                (text.replace(key, "…") if key else text)[:LONGEST_MESSAGE] for text in said
            )
    except (ValueError, RecursionError, KeyError, TypeError):
        pass  # nobody's word but the status
    wait = retry_after(response.headers.get("Retry-After", ""))
    return ServiceError(type, message, passes=status in PASSING, wait=wait)


def _origin(response: requests.Response) -> str:
    """Where an answer redirects to, without what may be a secret."""
    try:
        parts = urlsplit(response.headers["Location"])
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "nowhere"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "another path"


def retry_after(header: str) -> float | None:
    """Seconds to wait; the header has seconds or a date (RFC 9110, 10.2.3)."""
    if header.isascii() and header.isdigit():
        seconds = float(header)
    else:
        try:
            date = parsedate_to_datetime(header)
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def failure(url: str, error: OSError) -> ServiceError:
    """Why there was no answer; `error` is what requests raised."""
    reason = _innermost(error)
    if isinstance(reason, ssl.SSLError) and not isinstance(reason, LOST):
        return _no_tls(url, reason)
    if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
        return ServiceError("unknown_host", f"Can't reach {url}: there is no host of that name")
    if not isinstance(error, requests.RequestException):
        return ServiceError(
            "bad_certificate", "The file that REQUESTS_CA_BUNDLE names has no certificates"
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return not_ours(url)
    if not isinstance(error, requests.ConnectionError | requests.Timeout):
        return ServiceError(
            "bad_address",
            f"{url} can't be asked. Check the address, and the proxy that the environment names",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        why = "the proxy that the environment names does not lead there"
    elif isinstance(error, requests.Timeout):
        why = "it did not answer in time"
    else:
        why = getattr(reason, "strerror", None) or "it closed the connection"
    return ServiceError("unreachable", f"Can't reach {url}: {why}", passes=True)


def _no_tls(url: str, reason: ssl.SSLError) -> ServiceError:
    if not isinstance(reason, ssl.SSLCertVerificationError):
        message = f"{url} does not answer in HTTPS ({reason.reason}). Is it http://?"
        return ServiceError("bad_certificate", message)
    advice = "If you trust it, name the file of its authority: REQUESTS_CA_BUNDLE=ca.pem"
    if reason.verify_code in WRONG_NAME:
        advice = "Use the name that it was issued for"
    why = reason.verify_message.rstrip(".")
    return ServiceError(
        "bad_certificate", f"The certificate of {url} can't be trusted: {why}. {advice}"
    )


def not_ours(url: str) -> ServiceError:
    return ServiceError("bad_answer", f"What answers at {url} is not a classification service")


def _innermost(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error


def cause(error: BaseException) -> str:
    """The innermost reason, without requests' and urllib3's wrapping."""
    error = _innermost(error)
    return str(error) or type(error).__name__
