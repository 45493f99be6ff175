"""The counter of P1 with Flask-Session on Redis, as its documentation shows it."""

import os

from flask import Flask, jsonify, session
from flask.wrappers import Response
from flask_session import Session
from redis import Redis

app = Flask(__name__)
app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(os.environ["REDIS_URL"]))
Session(app)


@app.get("/ready")
def ready() -> Response:
    return jsonify(ready=True)


@app.post("/fill")
def fill() -> Response:
    session["note"] = "x" * 500
    session["count"] = 0
    return jsonify(filled=True)


@app.get("/count")
def count() -> Response:
    session["count"] = session.get("count", 0) + 1
    return jsonify(count=session["count"])
