"""Every error that a client, an operator or a caller can get, in one tree.

AuthsvcError
├── UploadRefused                 the request cannot be accepted
│   ├── Empty                400  empty          the file has no bytes
│   ├── NoFile               400  no_file        no part of the form is a file
│   ├── BadMultipart         400  bad_multipart  the body is not a readable form
│   ├── BadRequest           400  bad_request    nginx could not read the request
│   ├── BadToken             401  bad_token      missing, wrong, revoked or expired
│   ├── WrongScope           403  scope          the token may not do this
│   ├── NotFound             404  not_found      no such address
│   ├── MethodNotAllowed     405  method_not_allowed
│   ├── Collision            409  collision      same md5, other bytes
│   ├── TooLarge             413  too_large      more bytes than the limit
│   ├── Unsupported          415  unsupported    not one of the five image types
│   ├── Corrupt              422  corrupt        the file breaks its type's format
│   ├── Truncated            422  truncated      the file ends before its picture does
│   ├── TooManyPixels        422  too_many_pixels  more pixels than the limit
│   ├── TooManyFrames        422  too_many_frames  of an animation, or too many pixels in all frames
│   ├── TooManyScans         422  too_many_scans   each scan costs a decoder one pass
│   ├── Bomb                 422  bomb           the file, or a part of it, unpacks to more than its limit
│   ├── TooSlow              422  too_slow       decoding takes longer than the limit
│   └── HeadersTooLarge      431  headers_too_large
├── ServerError                   the server cannot accept it now
│   ├── RateLimited          429  rate           too many uploads from one address
│   ├── Internal             500  internal       an error in the service
│   ├── Unavailable          502  unavailable    nginx cannot reach the service
│   ├── Busy                 503  busy           too many uploads at once
│   ├── TimedOut             504  timeout        the service did not answer in time
│   └── DiskFull             507  full           no room left on the disk
└── OperatorError                 a command or a setting is wrong
    ├── BadSetting                a setting is unknown or out of range
    ├── BadSite                   not a site pattern
    ├── BadName                   a token's name, scope or text is unusable
    ├── NoSuchObject              the named token, site or image does not exist
    ├── InUse                     a port or data folder is in use
    └── Broken                    a folder, file or program is missing or unusable

`client.py` has the first two branches: each class has an HTTP status and a
stable code, which `docs/errors.md` lists; `routes.answers` turns them into
answers. `operator.py` has the third: a command prints the text as one line
before it exits. `nginx.py` lists the refusals that nginx makes itself.
"""

from authsvc.errors.base import AuthsvcError
from authsvc.errors.client import (
    AnswerError,
    BadMultipart,
    BadRequest,
    BadToken,
    Bomb,
    Busy,
    Collision,
    Corrupt,
    DiskFull,
    Empty,
    HeadersTooLarge,
    Internal,
    MethodNotAllowed,
    NoFile,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    TooLarge,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    TooSlow,
    Truncated,
    Unavailable,
    Unsupported,
    UploadRefused,
    WrongScope,
)
from authsvc.errors.nginx import NGINX_REFUSALS, NginxRefusal
from authsvc.errors.operator import (
    BadName,
    BadSetting,
    BadSite,
    Broken,
    InUse,
    NoSuchObject,
    OperatorError,
)

__all__ = [
    "NGINX_REFUSALS",
    "AnswerError",
    "AuthsvcError",
    "BadMultipart",
    "BadName",
    "BadRequest",
    "BadSetting",
    "BadSite",
    "BadToken",
    "Bomb",
    "Broken",
    "Busy",
    "Collision",
    "Corrupt",
    "DiskFull",
    "Empty",
    "HeadersTooLarge",
    "InUse",
    "Internal",
    "MethodNotAllowed",
    "NginxRefusal",
    "NoFile",
    "NoSuchObject",
    "NotFound",
    "OperatorError",
    "RateLimited",
    "ServerError",
    "TimedOut",
    "TooLarge",
    "TooManyFrames",
    "TooManyPixels",
    "TooManyScans",
    "TooSlow",
    "Truncated",
    "Unavailable",
    "Unsupported",
    "UploadRefused",
    "WrongScope",
]
