// `withUnsafeBytes` of the standard library forgets the type of the error.

extension [UInt8] {
    /// Lends the bytes to `body`.
    func withRawBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { bytes throws(Failure) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Lends the bytes to `body` for changing.
    mutating func withMutableRawBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutableBufferPointer { bytes throws(Failure) in
            try body(UnsafeMutableRawBufferPointer(bytes))
        }
    }
}
