"""Every error a request is answered with: its status, its fixed word, and what to do about it.

`type` is part of the HTTP contract: programs branch on it and the page translates it.
"""

FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"


class RequestError(Exception):
    """A request that is answered with an error; `str(error)` is for whoever sent it."""

    status: int
    type: str
    phrase: str  # HTTP's reason, ASCII

    def as_dict(self) -> dict[str, str | int]:
        return {"code": self.status, "type": self.type, "message": str(self)}


class InternalError(RequestError):
    """Not the client's doing. The cause is logged, not told."""

    status = 500
    type = "internal_error"
    phrase = "Internal Server Error"

    def __init__(self) -> None:
        super().__init__("The service failed on this request. Its log tells the operator why.")


class ClientError(RequestError):
    """A request that can't be answered as it is; `str(error)` says what to send instead."""

    status = 400
    type = "bad_request"
    phrase = "Bad Request"


class EmptyBody(ClientError):
    type = "empty_body"

    def __init__(self) -> None:
        super().__init__(
            "There is no picture in the request: its body, or the field for the picture, is empty. "
            "Send the bytes of a picture."
        )


class BadForm(ClientError):
    type = "bad_multipart"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The form can't be used: {problem}. "
            "Send one picture in a field named 'data' or 'file', as curl -F data=@picture.jpg does."
        )


class BadJson(ClientError):
    type = "bad_json"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The JSON body can't be used: {problem}. "
            'Send one picture, as {"data": "<base64 of the picture>"}.'
        )


class BadBase64(ClientError):
    type = "bad_base64"

    def __init__(self) -> None:
        super().__init__(
            "The picture is not valid base64. Send its bytes in standard base64, "
            "on their own or as a data: URI."
        )


class BadTopK(ClientError):
    type = "bad_top_k"

    def __init__(self, classes: int) -> None:
        super().__init__(f"top_k must be a whole number from 1 to {classes}.")


class ContradictingTopK(ClientError):
    type = "bad_top_k"

    def __init__(self) -> None:
        super().__init__("top_k is given more than once, with different values. Send it once.")


class UnknownParameter(ClientError):
    def __init__(self, name: str, classes: int) -> None:
        """name: in quotes; empty where it can't be shown."""
        parameter = f"a parameter {name}, which is unknown" if name else "an unknown parameter"
        super().__init__(
            f"The address has {parameter}. The only one is top_k, "
            f"the number of answers, from 1 to {classes}."
        )


class TooMuch(ClientError):
    status = 413
    type = "too_many_pixels"
    phrase = "Content Too Large"


class PictureTooLarge(TooMuch):
    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(
            f"The picture has {width} x {height} pixels; the limit is {limit:,} in all. "
            "Send a smaller copy: the network only looks at 224 x 224 pixels."
        )


class TooManyScans(TooMuch):
    def __init__(self, scans: int) -> None:
        super().__init__(
            f"Decoding this JPEG takes {scans:,} scans of all its pixels. "
            "Send a smaller copy, or save it as a baseline JPEG."
        )


class Unsupported(ClientError):
    status = 415
    type = "unsupported_format"
    phrase = "Unsupported Media Type"


class UnsupportedFormat(Unsupported):
    def __init__(self) -> None:
        super().__init__(f"This is not a picture in a supported format. Send {FORMATS}.")


class WrongPacking(Unsupported):
    """Of a body that is no picture, but can be recognised."""

    def __init__(self, seen: str, advice: str) -> None:
        super().__init__(f"{seen}. {advice}.")


class Unusable(ClientError):
    status = 422
    type = "corrupt_picture"
    phrase = "Unprocessable Content"


class StrippedPicture(Unusable):
    def __init__(self) -> None:
        super().__init__(
            "This looks like a picture that went through curl -d, which strips line ends. "
            "Send it with --data-binary @picture.jpg instead."
        )


class UnsupportedKind(Unsupported):
    """A sound picture in a supported format, whose kind would be shown with wrong colours."""

    def __init__(self, kind: str) -> None:
        """kind: in the plural, at the beginning of the sentence."""
        super().__init__(
            f"{kind} are not supported. "
            "Save the picture as an ordinary 8-bit JPEG or PNG and send that."
        )


class CorruptPicture(Unusable):
    def __init__(self, format: str) -> None:
        super().__init__(
            f"The {format} picture is truncated or damaged. Open it in a viewer, "
            "save it again and send the new file."
        )


class CondemnedPicture(Unusable):
    def __init__(self) -> None:
        super().__init__(
            "This picture has crashed the service twice, so it is refused. "
            "Save it again, for example as a JPEG, and send the new file."
        )
