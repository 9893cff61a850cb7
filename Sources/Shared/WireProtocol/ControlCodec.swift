internal import SwiftProtobuf

/// Protobuf messages to bytes and back.
enum ControlCodec {
    /// Decodes one message; unknown fields, which a newer minor version may send, are dropped.
    static func message<Proto: SwiftProtobuf.Message>(
        from body: [UInt8]
    ) throws(WireProtocolError) -> Proto {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        options.messageDepthLimit = 8
        do {
            return try Proto(serializedBytes: body, options: options)
        } catch let error as BinaryDecodingError {
            throw .malformedControl(reason: "\(error)")
        } catch {
            throw .malformedControl(reason: "not a protobuf message")
        }
    }

    /// Encodes one message.
    static func bytes(of proto: some SwiftProtobuf.Message) throws(WireProtocolError) -> [UInt8] {
        do {
            return try proto.serializedBytes()
        } catch {
            throw .malformedControl(reason: "\(error)")
        }
    }
}
