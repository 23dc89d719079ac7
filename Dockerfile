# syntax=docker/dockerfile:1
# The CPU stage does what the README says:
#   docker build -t sface .
#   docker run --rm sface make demo
#   docker run --rm -v "$PWD:/photos" sface .venv/bin/face-verify /photos/a.jpg /photos/b.jpg --model /photos/model.onnx
FROM python:3.12-slim-bookworm AS cpu
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-dev python3-venv g++ make libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /sface
COPY . .
RUN make .venv/ready
CMD ["make", "demo"]
