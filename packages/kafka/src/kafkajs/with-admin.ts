import type { Admin, Kafka } from "kafkajs";
import { kafkaFailure } from "../errors/kafka-errors.ts";

/**
 * Connects an admin client.
 * @throws {TransientError} when no broker answers
 * @throws {FatalError}
 */
export async function connectAdmin(kafka: Pick<Kafka, "admin">): Promise<Admin> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return admin;
  } catch (error) {
    await admin.disconnect();
    throw kafkaFailure(error);
  }
}

/**
 * Runs work with an admin client that is connected for it.
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when Kafka rejects a request
 */
export async function withAdmin<T>(
  kafka: Pick<Kafka, "admin">,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = await connectAdmin(kafka);
  try {
    return await work(admin);
  } catch (error) {
    throw kafkaFailure(error);
  } finally {
    await admin.disconnect();
  }
}
