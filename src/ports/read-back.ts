/** Where the bytes come from that a {@link ReadBack} is given. */
export interface ReadBackOrigin {
  /** Whether they are read from the medium; if not, the system may give what it remembers. */
  readonly isMedium: boolean;
  /** Names what a range of the bundle lies in, for messages: `bytes 0 to 511 of "/media/a/bundle.tar.002"`. */
  readonly nameRange: (position: number, length: number) => string;
}

/** Compares what a sink's medium has with what was to be written. */
export interface ReadBack {
  /** Called once, before all else. */
  begin(origin: ReadBackOrigin): void;

  /** Takes the next bytes, from the first on; their memory is lent. */
  take(bytes: Uint8Array): void;

  /** Passes over the next `length` bytes, which the medium failed to give. */
  lose(length: number): void;

  /**
   * Called once, after the last byte.
   *
   * @throws SealiftError `MEDIUM_FAILED` if anything is not as it was to be written.
   */
  finish(): void;
}
