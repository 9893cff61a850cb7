internal import Digests

extension SegmentHeader {
    /// Computes the digest that a whole segment should have.
    ///
    /// `segment` has exactly `segmentByteCount` bytes and begins with this header.
    func computeDigest(of segment: UnsafeRawBufferPointer) -> Digest128 {
        let digester = Digester()
        digester.update(UnsafeRawBufferPointer(rebasing: segment[..<Self.digestedByteCount]))
        digester.update(UnsafeRawBufferPointer(rebasing: segment[Self.byteCount..<payloadOffset]))
        digester.update(Digest128(of: UnsafeRawBufferPointer(rebasing: segment[payloadOffset...])))
        return digester.finish()
    }
}
