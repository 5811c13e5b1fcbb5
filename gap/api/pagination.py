"""Pages of a list: 50 rows, 200 at most."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """`{"count", "next", "previous", "results"}`; a page that does not exist is a 404."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    page_query_description = "Numéro de page, à partir de 1."
    page_size_query_description = "Nombre de lignes par page : 50 si rien n’est dit, 200 au plus."
    invalid_page_message = "Cette page n’existe pas."
