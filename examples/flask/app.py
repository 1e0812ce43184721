import os

from flask import Flask, abort, request, send_file, session
from manypages import element_path
from manypages.routes import METHODS, Routes

app = Flask(__name__, static_folder=element_path().parent, static_url_path="/manypages")
app.secret_key = os.environ["SECRET_KEY"]
pdfs = Routes(os.environ["PDF_URL"], os.environ["PDF_TOKEN"])


def orders(client, **asked):
    rows = ({"Order": number, "Total": 9.5 * number} for number in range(1, 401))
    return client.export("table", rows, params={"title": "Orders"}, **asked)


def customers(client, **asked):
    return client.export("table", [{"Name": "Ada"}, {"Name": "Grace"}], params={"title": "Customers"}, **asked)


@app.get("/")
def page():
    session.setdefault("user", os.urandom(16).hex())  # in your app: the id of the user who signs in
    return send_file("../orders.html")


@app.route("/pdf/<name>", methods=METHODS)
@app.route("/pdf/<name>/<path:path>", methods=METHODS)
def pdf(name, path=""):
    start = {"orders": orders, "customers": customers}.get(name) or abort(404)
    body, user = request.get_data(), session.get("user", "")
    return pdfs.answer(request.method, path, request.headers, body, user, start)
