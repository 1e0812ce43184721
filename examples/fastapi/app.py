import os
from typing import Literal

from fastapi import FastAPI, Request, Response, concurrency, responses, staticfiles
from manypages import element_path
from manypages.routes import METHODS, Routes
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"])
app.mount("/manypages", staticfiles.StaticFiles(directory=element_path().parent))
pdfs = Routes(os.environ["PDF_URL"], os.environ["PDF_TOKEN"])


def orders(client, **asked):
    rows = ({"Order": number, "Total": 9.5 * number} for number in range(1, 401))
    return client.export("table", rows, params={"title": "Orders"}, **asked)


def customers(client, **asked):
    return client.export("table", [{"Name": "Ada"}, {"Name": "Grace"}], params={"title": "Customers"}, **asked)


@app.get("/")
def page(request: Request):
    request.session.setdefault("user", os.urandom(16).hex())  # in your app: the id of the user who signs in
    return responses.FileResponse("examples/orders.html")


@app.api_route("/pdf/{name}", methods=METHODS)
@app.api_route("/pdf/{name}/{path:path}", methods=METHODS)
async def pdf(request: Request, name: Literal["orders", "customers"], path: str = ""):
    start = {"orders": orders, "customers": customers}[name]
    call = request.method, path, request.headers, await request.body(), request.session.get("user", ""), start
    return Response(*await concurrency.run_in_threadpool(pdfs.answer, *call))
