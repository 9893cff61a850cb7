package import NIOCore

/// Turns the bytes of one connection into messages of one direction.
///
/// A frame's kind and length are judged as soon as its five header bytes are there, before anything
/// of its body is kept, so a peer can make the receiver hold at most one frame of the size that is
/// allowed at this point of the conversation. After an error the decoder stays failed.
package struct FrameDecoder<Message: WireMessage>: Sendable {
    private enum Stage {
        /// The peer has not greeted.
        case awaitingGreeting
        /// The peer has greeted and was not welcomed, or was refused.
        case greeted
        /// Everything may come.
        case open
    }

    private var stage = Stage.awaitingGreeting
    private var failure: WireProtocolError?
    private var header: [UInt8] = []
    private var kind: FrameKind?
    private var bodyBytes = 0
    private var body = ByteBuffer()

    /// Makes a decoder for the start of a conversation.
    package init() {
        header.reserveCapacity(ProtocolLimits.frameHeaderBytes)
    }

    /// Bytes of an unfinished frame that the decoder holds.
    package var heldBytes: Int { header.count + body.readableBytes }

    /// Lets everything come from now on, because this side has welcomed the peer.
    ///
    /// A side that is welcomed itself need not call it: receiving the welcome has the same effect.
    package mutating func open() {
        stage = .open
    }

    /// Takes bytes from `input` until a message is complete.
    ///
    /// - Parameter input: Received bytes, in order; what is taken is gone from it.
    /// - Returns: The next message, or nil when `input` is used up; call again until nil.
    /// - Throws: ``WireProtocolError``; the connection is then of no further use.
    package mutating func next(from input: inout ByteBuffer) throws(WireProtocolError) -> Message? {
        if let failure {
            throw failure
        }
        do {
            return try nextMessage(from: &input)
        } catch {
            failure = error
            body = ByteBuffer()
            throw error
        }
    }

    private mutating func nextMessage(
        from input: inout ByteBuffer
    ) throws(WireProtocolError) -> Message? {
        if kind == nil {
            while header.count < ProtocolLimits.frameHeaderBytes {
                guard let byte = input.readInteger(as: UInt8.self) else { return nil }
                header.append(byte)
            }
            try acceptHeader()
        }
        guard let kind, let complete = takeBody(from: &input) else { return nil }
        self.kind = nil
        header.removeAll(keepingCapacity: true)
        let message = try decode(complete, kind: kind)
        try advance(past: message)
        return message
    }

    private mutating func acceptHeader() throws(WireProtocolError) {
        guard let found = FrameKind(rawValue: header[4]) else {
            throw .unknownFrameKind(header[4])
        }
        guard found == .control || found == Message.bulkKind else {
            throw .unexpectedFrameKind(found)
        }
        if found != .control, stage != .open {
            throw .messageBeforeGreeting(message: found.description)
        }
        let length = header[0..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        let limit =
            stage == .open ? found.maximumBodyBytes : Message.greetingBodyBytes
        guard length <= limit else {
            throw .frameTooLarge(kind: found, bytes: length, limit: limit)
        }
        guard length >= found.minimumBodyBytes else {
            throw .frameTooShort(kind: found, bytes: length, minimum: found.minimumBodyBytes)
        }
        kind = found
        bodyBytes = length
    }

    /// The whole body when it is there; without copying when it arrived in one piece.
    private mutating func takeBody(from input: inout ByteBuffer) -> ByteBuffer? {
        if body.readableBytes == 0, let whole = input.readSlice(length: bodyBytes) {
            return whole
        }
        if body.readableBytes == 0 {
            body.reserveCapacity(bodyBytes)
        }
        let missing = bodyBytes - body.readableBytes
        if var piece = input.readSlice(length: min(missing, input.readableBytes)) {
            body.writeBuffer(&piece)
        }
        guard body.readableBytes == bodyBytes else { return nil }
        defer { body = ByteBuffer() }
        return body
    }

    private func decode(
        _ body: ByteBuffer,
        kind: FrameKind
    ) throws(WireProtocolError) -> Message {
        if kind == .control {
            return try Message.decode(control: Array(body.readableBytesView))
        }
        return try Message.decode(bulk: body)
    }

    private mutating func advance(past message: Message) throws(WireProtocolError) {
        switch (message.phase, stage) {
        case (.greeting, .awaitingGreeting):
            stage = message.opensConversation ? .open : .greeted
        case (.greeting, _):
            throw .repeatedGreeting(message: message.name)
        case (.anyTime, .awaitingGreeting):
            guard Message.mayPrecedeGreeting else {
                throw .messageBeforeGreeting(message: message.name)
            }
        case (.afterWelcome, .awaitingGreeting), (.afterWelcome, .greeted):
            throw .messageBeforeGreeting(message: message.name)
        case (.anyTime, _), (.afterWelcome, .open):
            break
        }
    }
}
