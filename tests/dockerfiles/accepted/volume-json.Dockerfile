FROM scratch
VOLUME ["/one", "/with space"]
