"""How the read API answers, and how it is described."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # No view reads a body this way, and the check of a CSRF token would hand it one that nests too deeply.
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "web.errors.exception_handler",
    # Keys have no user; DRF's default would be an AnonymousUser.
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Workbench analytics",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        # Of Swagger UI's themes for code, the one whose colours all have contrast on its dark ground.
        "syntaxHighlight": {"theme": "tomorrow-night"},
        # Never send the schema to swagger.io to be validated.
        "validatorUrl": None,
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearerKey": {"type": "http", "scheme": "bearer"},
            "headerKey": {"type": "apiKey", "in": "header", "name": "X-Workbench-Key"},
            "queryKey": {"type": "apiKey", "in": "query", "name": "key"},
        }
    },
}
