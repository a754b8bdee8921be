"""The API's documentation as a page: Swagger UI from drf-spectacular-sidecar, which the portal serves itself."""

from drf_spectacular.views import SpectacularSwaggerSplitView


class ApiDocsView(SpectacularSwaggerSplitView):
    """Every operation of the schema at /api/schema/, to read and to try out with a key.

    The page and its script are apart, so that the page needs no inline script.
    """

    url_name = "api-schema"
    template_name = "pages/api_docs.html"
    http_method_names = ["get", "head"]
