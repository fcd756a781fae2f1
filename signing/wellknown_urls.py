"""What programs fetch without being asked who they are."""

from django.urls import path

from signing.views import seals

urlpatterns = [path(".well-known/hq-seal-root.pem", seals.root, name="seal_root")]
