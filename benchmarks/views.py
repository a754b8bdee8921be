"""What the door is compared with."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.models import PlainRow


@csrf_exempt
def insert_one(request: HttpRequest) -> HttpResponse:
    """Inserts and commits one row, and looks at nothing that was sent."""
    PlainRow.objects.create(
        event="workbench.draft_created",
        session_id="s-1",
        occurred_at=timezone.now(),
        properties={"source": "chat"},
    )
    return JsonResponse({"accepted": 1})


class EmptyView(APIView):
    """Does nothing, in Django REST framework."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"accepted": 1})
