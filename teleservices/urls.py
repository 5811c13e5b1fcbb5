from django.urls import URLPattern

app_name = "teleservices"
urlpatterns: list[URLPattern] = []
