"""What browsers are told: what pages elsewhere may post, and what the portal's own pages may do."""

from csp import constants as csp

# The door and the paths of the other SDKs' protocols.
CORS_URLS_REGEX = (
    r"^/(api/workbench/telemetry$|api/s/|v1/|array/"
    r"|(batch|beacon/v1/batch|capture|e|i/v0/e|i/v1/analytics/events|flags|decide|sourceConfig)/?$)"
)
CORS_ALLOW_HEADERS = [
    "authorization", "content-encoding", "content-type", "traceparent", "x-request-id", "x-retry-count",
    "x-workbench-client", "x-workbench-key",
    # RudderStack's browser SDK.
    "anonymousid", "sentat", "rsa-recovered", "rsa-retry-attempt", "rsa-retry-reason",
    "rsa-since-first-attempt", "rsa-since-last-attempt",
    # Jitsu's.
    "x-enable-debug", "x-ip-policy", "x-write-key",
]  # fmt: skip

# Nothing of the portal uses these. What is not listed is allowed to the portal's own pages.
UNUSED_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "object-src": [csp.NONE],
        "base-uri": [csp.NONE],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
    }
}
# The admin's look (unfold) evaluates the Alpine.js expressions in its attributes: arrow functions, assignments and
# calls, which Alpine's build without eval does not read. Its colours are in a style element, and its scripts write
# style attributes. No script in the page itself runs.
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": [csp.SELF, csp.UNSAFE_EVAL],
    "script-src-attr": [csp.NONE],
    "style-src": [csp.SELF, csp.UNSAFE_INLINE],
    "connect-src": [csp.SELF],
}
