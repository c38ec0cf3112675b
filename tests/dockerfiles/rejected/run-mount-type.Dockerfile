FROM scratch
RUN --mount=type=usb,target=/a true
