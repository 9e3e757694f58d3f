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
        super().__init__("The request has no body. Send the bytes of a picture.")


class BadMultipart(ClientError):
    type = "bad_multipart"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The multipart form can't be read: {problem}. "
            "Send the picture in a field named 'data' or 'file', as curl -F data=@picture.jpg does."
        )


class BadJson(ClientError):
    type = "bad_json"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f'The JSON body can\'t be used: {problem}. Send {{"data": "<base64 of the picture>"}}.'
        )


class BadBase64(ClientError):
    type = "bad_base64"

    def __init__(self) -> None:
        super().__init__(
            "'data' is not valid base64. Send the picture's bytes in standard base64, "
            "on their own or as a data: URI."
        )


class BadTopK(ClientError):
    type = "bad_top_k"

    def __init__(self, classes: int) -> None:
        super().__init__(f"top_k must be a whole number from 1 to {classes}.")


class PictureTooLarge(ClientError):
    status = 413
    type = "too_many_pixels"
    phrase = "Content Too Large"

    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(
            f"The picture has {width} x {height} pixels; the limit is {limit:,} in all. "
            "Send a smaller copy: the network only looks at 224 x 224 pixels."
        )


class TooManyScans(ClientError):
    status = 413
    type = "too_many_pixels"
    phrase = "Content Too Large"

    def __init__(self, scans: int) -> None:
        super().__init__(
            f"Decoding this JPEG takes {scans:,} scans of all its pixels. "
            "Send a smaller copy, or save it as a baseline JPEG."
        )


class UnsupportedFormat(ClientError):
    status = 415
    type = "unsupported_format"
    phrase = "Unsupported Media Type"

    def __init__(self) -> None:
        super().__init__(f"This is not a picture in a supported format. Send {FORMATS}.")


class CorruptPicture(ClientError):
    status = 422
    type = "corrupt_picture"
    phrase = "Unprocessable Content"

    def __init__(self, format: str) -> None:
        super().__init__(
            f"The {format} picture is truncated or damaged. Open it in a viewer, "
            "save it again and send the new file."
        )


class CondemnedPicture(ClientError):
    status = 422
    type = "corrupt_picture"
    phrase = "Unprocessable Content"

    def __init__(self) -> None:
        super().__init__(
            "This picture has crashed the service twice, so it is refused. "
            "Save it again, for example as a JPEG, and send the new file."
        )
