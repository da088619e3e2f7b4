/** A bundle that is written to where it lies. */
export interface RepairTarget extends AsyncDisposable {
  /**
   * Overwrites what is at `position`, or adds it: a file that is too short grows,
   * with zeros up to there; one that is missing is made.
   *
   * @throws SealiftError `USAGE` if that place cannot be written, such as inside a
   * ZIP; `NO_SPACE`, `FILE_TOO_LARGE`, `CONFIG_INVALID`, `MEDIUM_FAILED`.
   */
  write(position: number, bytes: Uint8Array): Promise<void>;

  /**
   * Cuts off what is after the first `size` bytes, in the file where these end.
   *
   * @throws SealiftError as `write`.
   */
  trim(size: number): Promise<void>;

  /**
   * Makes all that was written durable.
   *
   * @throws SealiftError as `write`.
   */
  sync(): Promise<void>;
}
