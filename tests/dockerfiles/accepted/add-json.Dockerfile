FROM scratch
ADD ["a", "/with space/"]
