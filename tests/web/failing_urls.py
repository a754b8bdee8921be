"""A URL conf of one page, which fails."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path


def fail(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(1 // 0))


urlpatterns = [path("fail", fail), path("admin/", admin.site.urls)]

handler500 = "web.errors.server_error"
