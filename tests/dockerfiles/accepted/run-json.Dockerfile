FROM scratch AS made
RUN ["/bin/sh", "-c", "echo <<EOF"]
FROM scratch AS check
