FROM scratch
ONBUILD COPY . /app
ONBUILD RUN make --all
