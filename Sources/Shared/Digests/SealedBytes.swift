/// Content that ends with the digest of all that comes before.
package enum SealedBytes {
    /// Appends the digest of what is there.
    package static func seal(_ bytes: inout [UInt8]) {
        bytes += bytes.withUnsafeBytes { Digest128(of: $0) }.bytes
    }

    /// How many bytes come before the digest; nil when the digest is not theirs.
    package static func contentCount(of bytes: [UInt8]) -> Int? {
        let count = bytes.count - Digest128.byteCount
        guard count >= 0 else { return nil }
        let isIntact = bytes.withUnsafeBytes { bytes in
            Digest128(bytes: UnsafeRawBufferPointer(rebasing: bytes[count...]))
                == Digest128(of: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        return isIntact ? count : nil
    }
}
