"""The ASGI face of the engine: routing, cookies, handles, origins, error bodies, the gateway of pipelines, the server."""
