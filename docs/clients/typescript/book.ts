// Logs in, looks for a free time, books it and cancels it.
//
//     npm ci && npm run generate && npm run build
//     npm start -- http://127.0.0.1:3000 customer@aurora.example aurora-opens-at-nine

import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./chairbook.js";

type Appointment = components["schemas"]["Appointment"];

const [baseUrl, email, password] = process.argv.slice(2);
if (!baseUrl || !email || !password) {
  throw new Error("usage: npm start -- <url> <e-mail address> <password>");
}

const api = createClient<paths>({ baseUrl });

/** A response's data, or an error with its message. */
function data<T>(response: { data?: { data: T }; error?: { message: string } }): T {
  if (!response.data) throw new Error(response.error?.message ?? "there was no response");
  return response.data.data;
}

const session = data(await api.POST("/api/v1/auth/login", { body: { email, password } }));
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${session.accessToken}`);
    return request;
  },
});

const services = data(await api.GET("/api/v1/services", { params: { query: { limit: 100 } } }));
const service = services.items.find(({ experts }) => experts.length > 0);
if (!service) throw new Error("the salon offers nothing at present");

// From the day after tomorrow on: late enough to be cancelled again.
const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
const query = { serviceId: service.id, from: day(2), to: day(30) };
const { days } = data(await api.GET("/api/v1/availability", { params: { query } }));
const free = days.flatMap(({ date, slots }) => slots.map(({ time }) => ({ date, time })))[0];
if (!free) throw new Error(`${service.name} has no free time`);

const booked: { appointment: Appointment } = data(
  await api.POST("/api/v1/appointments", {
    body: { serviceId: service.id, ...free },
    // A repeat of this request, after a lost connection say, books nothing more.
    params: { header: { "Idempotency-Key": randomUUID() } },
  }),
);
console.log(`booked ${booked.appointment.serviceName} on ${free.date} at ${free.time}`);

const cancelled = data(
  await api.DELETE("/api/v1/appointments/{id}/cancel", { params: { path: { id: booked.appointment.id } } }),
);
if (cancelled.appointment.status !== "cancelled") throw new Error(`it is ${cancelled.appointment.status}`);
console.log("cancelled it");
