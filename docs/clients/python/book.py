"""Logs in, looks for a free time, books it and cancels it.

    pip install openapi-python-client
    openapi-python-client generate --path ../../openapi.json --meta none --output-path chairbook_client
    python book.py http://127.0.0.1:3000 customer@aurora.example aurora-opens-at-nine
"""

import sys
from datetime import date, timedelta
from uuid import uuid4

from chairbook_client import AuthenticatedClient, Client
from chairbook_client.api.appointments import book_appointment, cancel_appointment
from chairbook_client.api.auth import log_in
from chairbook_client.api.availability import get_availability
from chairbook_client.api.services import list_services
from chairbook_client.models.book_appointment_body import BookAppointmentBody
from chairbook_client.models.log_in_body import LogInBody


def data(response):
    """A response's data, or an exception with its message."""
    if not response.success:
        raise RuntimeError(response.message)
    return response.data


def main(url: str, email: str, password: str) -> None:
    session = data(log_in.sync(client=Client(url), body=LogInBody(email=email, password=password)))
    client = AuthenticatedClient(url, token=session.access_token)

    services = data(list_services.sync(client=client, limit=100)).items
    service = next(service for service in services if service.experts)

    # From the day after tomorrow on: late enough to be cancelled again.
    first, last = date.today() + timedelta(days=2), date.today() + timedelta(days=30)
    days = data(get_availability.sync(client=client, service_id=service.id, from_=first, to=last)).days
    day, slot = next((day, slot) for day in days for slot in day.slots)

    # A repeat of this request, after a lost connection say, books nothing more.
    wanted = BookAppointmentBody(service_id=service.id, date=day.date, time=slot.time)
    booked = data(book_appointment.sync(client=client, body=wanted, idempotency_key=str(uuid4()))).appointment
    print(f"booked {booked.service_name} on {day.date} at {slot.time}")

    cancelled = data(cancel_appointment.sync(booked.id, client=client)).appointment
    if cancelled.status != "cancelled":
        raise RuntimeError(f"it is {cancelled.status}")
    print("cancelled it")


if __name__ == "__main__":
    main(*sys.argv[1:])
