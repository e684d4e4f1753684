"""The errors that only the site raises; all others are in fl/protocol/errors.

Invariant: each is a leaf of one of the five families, so webui/http/error_pages.py handles all errors in one way.

Source: fl/protocol/errors.
"""

from webui.errors.accounts import (
    AccountExists,
    CodeRefused,
    EmailMalformed,
    NameMalformed,
    PasswordMalformed,
    PasswordWeak,
    RoleFixed,
    SignInRefused,
    TooManyAttempts,
)
from webui.errors.appointments import (
    BookingFixed,
    BookingOverlaps,
    HoursOverlap,
    OneADay,
    SlotNotOffered,
    TooManyBookings,
)
from webui.errors.private import (
    NoHeadAnnounced,
    NoPrivateAnswersLeft,
    OnePictureOnly,
    PrivateWayFailed,
    TrusteesSilent,
)
from webui.errors.records import (
    AnswerMismatch,
    ChoiceChanged,
    KeptForPatients,
    KitRefused,
    NoneReadable,
    NoTrustee,
    NotSealedToQuorum,
    OwnRequest,
    RecordDamaged,
    RecordMisplaced,
    ReviewMalformed,
    TableFileUnusable,
    TooFewValues,
    TooManyPictures,
    TrusteeTaken,
    WishNeeded,
)
from webui.errors.running import (
    AgentSilent,
    AlreadyLeft,
    AuditImpossible,
    AuditRunning,
    KeyOrderOpen,
    NoHospital,
    ReplayRunning,
    TrainingRunning,
    WithdrawalOpen,
)
from webui.errors.site import (
    AlreadyMade,
    DatabaseUnavailable,
    MailNotSent,
    MailUndeliverable,
    NotFound,
    PageForbidden,
    SiteBusy,
    StillHandled,
)
from webui.errors.waits import in_words
