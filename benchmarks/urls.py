from django.urls import path

from benchmarks import views
from config import urls as portal

# They stand first: finding them costs less than finding the portal's door.
urlpatterns = [
    path("bare", views.insert_one, name="bare"),
    path("empty", views.EmptyView.as_view(), name="empty"),
    *portal.urlpatterns,
]

handler400 = portal.handler400
handler403 = portal.handler403
handler404 = portal.handler404
handler500 = portal.handler500
